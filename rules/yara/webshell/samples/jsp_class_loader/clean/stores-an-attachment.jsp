<%@ page import="java.util.Base64,java.nio.file.*" %>
<%
   // Reads and decodes what the form sends and stores it; classes are looked up by a fixed name.
   byte[] picture = Base64.getDecoder().decode(request.getParameter("picture"));
   Files.write(Paths.get("/srv/forms/picture.png"), picture);
   Class.forName("org.postgresql.Driver").newInstance();
   ClassLoader loader = Thread.currentThread().getContextClassLoader();
   out.println(loader.getResource("form.properties"));
%>
