<%@ page import="java.util.*" %>
<%-- Status page: reads a parameter and shows the memory; no process is started. --%>
<%
   String unit = request.getParameter("unit");
   long free = Runtime.getRuntime().freeMemory();
   long all = Runtime.getRuntime().totalMemory();
   out.println("KB".equals(unit) ? free / 1024 + " of " + all / 1024 : free + " of " + all);
   executor.execute(new ReportTask(unit));
%>
