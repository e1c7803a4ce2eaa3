# Fetches a list over plain HTTP and keeps it; what is evaluated is another line and of this machine.
Invoke-WebRequest -Uri http://192.0.2.20/list.csv -OutFile D:\lists\list.csv
$answer = Invoke-RestMethod https://192.0.2.20/state.json
Invoke-Expression (Get-Content D:\scripts\profile.ps1 -Raw)
