@echo off
rem Makes recovery possible again after a repair.
bcdedit /set {default} recoveryenabled Yes
bcdedit /set {default} bootstatuspolicy DisplayAllFailures
reagentc /enable
vssadmin create shadow /for=C:
wbadmin start systemstatebackup -backupTarget:E: -quiet
