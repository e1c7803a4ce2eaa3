# The documented way to install a package manager: encrypted, by name, in a window.
Set-ExecutionPolicy Bypass -Scope Process -Force
Invoke-Expression ((New-Object System.Net.WebClient).DownloadString('https://packages.example.org/install.ps1'))
