@echo off
rem Frees room on the archive: only the oldest shadow copy, and then a look at what is left.
vssadmin delete shadows /for=E: /oldest
vssadmin list shadows
wbadmin get versions
bcdedit /enum
