<?php
// Evaluates and runs what the program itself has made; the visitor has no part in it.
$template = file_get_contents(__DIR__ . '/template.php');
eval('?>' . $template);
exec('/usr/bin/convert ' . escapeshellarg($file));
echo system('uptime');
if (isset($_GET['verbose'])) { echo 'done'; }
