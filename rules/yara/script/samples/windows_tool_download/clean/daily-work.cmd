@echo off
rem See https://docs.example.com/tools for certutil, bitsadmin and msiexec.
certutil -hashfile setup.exe SHA256
certutil -decode city.b64 city.cer
certutil -addstore Root city.cer
bitsadmin /list /allusers
msiexec /i \\files.example.com\packages\viewer.msi /qn
regsvr32 /s C:\Windows\System32\msxml6.dll
rundll32 printui.dll,PrintUIEntry /in /n \\print.example.com\p1
start https://www.example.com/
