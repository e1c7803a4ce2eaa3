@echo off
rem Saves two logs before a test and clears them, and shows a third.
wevtutil epl Application D:\logs\application.evtx
wevtutil cl Application
wevtutil cl Setup
wevtutil qe Security /c:5 /f:text
