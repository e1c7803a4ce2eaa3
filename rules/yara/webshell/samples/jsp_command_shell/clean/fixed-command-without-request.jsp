<%@ page import="java.io.*" %>
<%
   // Shows the version of the converter; nothing of the visitor is read.
   Process p = new ProcessBuilder("/usr/bin/convert", "-version").start();
   out.println(new BufferedReader(new InputStreamReader(p.getInputStream())).readLine());
%>
