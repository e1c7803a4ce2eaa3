<%@ Page Language="C#" %>
<script runat="server">
// Starts the nightly export on request and does not look at what it says.
void Page_Load(object sender, EventArgs e) {
    if (Request.Form["start"] == "export") System.Diagnostics.Process.Start(@"D:\export\run.exe", "/nightly");
    Response.Write("started");
}
</script>
