@echo off
rem Packages of the file share: an address is a setting of the program or a remark, and is not fetched.
msiexec /i \\files.example.com\packages\agent.msi /qn SERVERURL=https://manage.example.com/ TOKEN=from-the-vault
certutil -hashfile setup.exe SHA256 & rem compare with https://www.example.com/sums.txt
certutil -encode report.pdf report.b64
