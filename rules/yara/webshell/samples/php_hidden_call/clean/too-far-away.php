<?php
$prefix = 'up' . 'lo' . 'ad';
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
// One line of explanation of what the form of the registry office does.
$handler = $handlers[0];
echo $handler($_POST['name']);
