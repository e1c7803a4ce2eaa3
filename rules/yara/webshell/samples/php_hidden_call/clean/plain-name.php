<?php
// The function is named openly in a list; nothing is disguised.
$allowed = ['lower' => 'strtolower', 'upper' => 'strtoupper'];
$convert = $allowed['lower'];
echo htmlspecialchars($convert($_GET['word']));
