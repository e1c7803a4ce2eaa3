' Fetches the settings of a program and keeps them; nothing is started.
Set web = CreateObject("MSXML2.XMLHTTP")
web.Open "GET", "https://settings.example.com/office.xml", False
web.Send
Set stream = CreateObject("ADODB.Stream")
stream.Open
stream.Type = 1
stream.Write web.responseBody
stream.SaveToFile "C:\ProgramData\Office\office.xml", 2
WScript.Echo "done"
