<?php
// A name of pieces, called with the program's own data; the request is only read.
$hash = 'md' . '5' . '_file';
$page = (int) $_GET['page'];
echo $hash(__FILE__), $page;
