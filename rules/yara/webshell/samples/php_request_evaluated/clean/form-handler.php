<?php
// Reads a form, checks it and stores it: request parameters are used and nothing is evaluated.
$name = trim($_POST['name']);
$page = max(1, (int) $_GET['page']);
$body = base64_decode($_POST['attachment']);
$statement = $database->prepare('INSERT INTO requests (name, body) VALUES (?, ?)');
$statement->execute([$name, $body]);
$labels = array_map('htmlspecialchars', $_POST['labels']);
echo htmlspecialchars($name);
