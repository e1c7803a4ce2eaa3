// Starts the nightly job and notes it in a file; nothing comes from the network.
var shell = WScript.CreateObject('WScript.Shell');
shell.Run('D:\\jobs\\nightly.cmd', 1, true);
var files = new ActiveXObject('Scripting.FileSystemObject');
var note = files.CreateTextFile('D:\\jobs\\last.txt', true);
note.WriteLine(new Date());
note.Close();
