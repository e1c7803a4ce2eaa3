<?php
// Tells whether a host of the form answers: one verb in text, no forwarding.
$host = $_GET['host']; $port = (int) $_GET['port'];
if ($_GET['action'] === 'connect') {
    $socket = fsockopen($host, $port, $number, $text, 3);
    echo $socket ? 'open' : 'closed';
}
if ($_GET['action'] === 'read') { echo fread($socket, 128); }
