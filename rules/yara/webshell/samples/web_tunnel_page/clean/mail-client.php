<?php
// A mail client of the site: the verbs are methods, the host is fixed by the configuration.
class Mailer {
    public function connect() { $this->socket = fsockopen($this->configuration['host'], 25); }
    public function disconnect() { fclose($this->socket); }
    public function read() { return fgets($this->socket, 512); }
    public function forward($message) { fwrite($this->socket, $message); }
}
$mailer = new Mailer();
$mailer->forward(strip_tags($_POST['message']));
