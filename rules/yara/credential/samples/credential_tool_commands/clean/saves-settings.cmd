@echo off
rem Saves settings before an update: one hive and a branch of the programs, and the memory of the web server.
reg save HKLM\SYSTEM D:\save\system.hiv /y
reg save HKLM\SOFTWARE\City D:\save\city.hiv /y
reg export HKLM\SOFTWARE\City D:\save\city.reg
procdump -ma w3wp.exe D:\dumps
