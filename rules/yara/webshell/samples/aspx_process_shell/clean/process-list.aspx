<%@ Page Language="C#" %>
<%@ Import Namespace="System.Diagnostics" %>
<script runat="server">
// Status page: lists processes and reads a file of its own; none is started.
void Page_Load(object sender, EventArgs e) {
    string wanted = Request.QueryString["name"];
    foreach (Process p in Process.GetProcessesByName("w3wp")) Response.Write(p.Id + " " + p.WorkingSet64);
    using (var reader = new System.IO.StreamReader(Server.MapPath("~/App_Data/notes.txt"))) Response.Write(Server.HtmlEncode(reader.ReadToEnd()));
}
</script>
