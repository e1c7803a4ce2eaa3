<?php
// The usual dispatcher: a method's name is a prefix and a checked name of the route.
class Dispatcher {
    public function run() {
        $method = 'action' . ucfirst($this->route);
        if (method_exists($this, $method)) { return $this->$method($_GET['id']); }
    }
}
