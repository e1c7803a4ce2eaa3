# Connects, says hello and shows the greeting: what arrives is compared and never run.
$client = New-Object System.Net.Sockets.TcpClient('mail.example.com', 25)
$stream = $client.GetStream()
$buffer = New-Object byte[] 512
$count = $stream.Read($buffer, 0, $buffer.Length)
$greeting = [Text.Encoding]::ASCII.GetString($buffer, 0, $count)
if ($greeting -notmatch '^220') { Write-Warning "unexpected: $greeting" }
$quit = [Text.Encoding]::ASCII.GetBytes("QUIT`r`n")
$stream.Write($quit, 0, $quit.Length)
$client.Close()
