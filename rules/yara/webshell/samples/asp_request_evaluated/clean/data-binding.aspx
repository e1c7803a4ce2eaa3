<%@ Page Language="C#" %>
<asp:Repeater runat="server" ID="List"><ItemTemplate><%# DataBinder.Eval(Container.DataItem, "Title") %> <%# Eval("Office") %></ItemTemplate></asp:Repeater>
<%= Server.HtmlEncode(Request.QueryString["office"]) %>
