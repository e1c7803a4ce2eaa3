"""Shows a user his own stored log-ins of one browser, to move them to the city's vault."""
import sqlite3
import win32crypt

base = r"C:\Users\office\AppData\Local\Google\Chrome\User Data\Default\Login Data"
for url, name, secret in sqlite3.connect(base).execute("SELECT origin_url, username_value, password_value FROM logins"):
    print(url, name, win32crypt.CryptUnprotectData(secret, None, None, None, 0)[1])
