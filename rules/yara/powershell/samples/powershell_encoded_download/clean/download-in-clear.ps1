# Fetches the list of updates, in clear words for everyone to read.
$client = New-Object Net.WebClient
$text = $client.DownloadString('https://updates.example.com/list.txt')
Invoke-WebRequest -Uri https://updates.example.com/a.msi -OutFile a.msi
