@echo off
powershell -WindowStyle Hidden -Command "Invoke-WebRequest -Uri https://files.example.com/list.csv -OutFile D:\lists\list.csv"
powershell -WindowStyle Hidden -File D:\scripts\report.ps1
