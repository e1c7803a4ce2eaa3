<%
' A request value becomes part of a query and is checked before: the database's method is not the statement.
id = CLng(Request.QueryString("id"))
Set rs = conn.Execute("SELECT title FROM notices WHERE id = " & id)
Server.Execute "/include/footer.asp"
Response.Write Server.HTMLEncode(rs("title") & Request("note"))
%>
