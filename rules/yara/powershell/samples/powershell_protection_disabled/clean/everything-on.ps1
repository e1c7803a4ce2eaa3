Set-MpPreference -DisableRealtimeMonitoring 0 -DisableBehaviorMonitoring 0 -DisableScriptScanning 0
Set-MpPreference -MAPSReporting Advanced -SubmitSamplesConsent SendSafeSamples
