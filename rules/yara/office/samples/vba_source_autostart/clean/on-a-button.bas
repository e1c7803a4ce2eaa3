Attribute VB_Name = "Buttons"
' Starts the calculator when the button is pressed.
Sub ButtonCalculator_Click()
    Shell "calc.exe", vbNormalFocus
End Sub
Sub OpenList()
    Workbooks.Open "\\files.example.com\lists\list.xlsx"
End Sub
