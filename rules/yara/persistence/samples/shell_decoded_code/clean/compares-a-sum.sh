#!/bin/sh
# Decoded literals that are compared and shown, and handed to no interpreter.
echo ZWNobyBoYXJtbGVzcyBzYW1wbGUgZm9yIHNlY3dhdGNoCg== | base64 -d | sha256sum
echo ZWNobyBoYXJtbGVzcyBzYW1wbGUgZm9yIHNlY3dhdGNoCg== | base64 -d | sha1sum --check
echo MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A | base64 --decode | openssl asn1parse -inform der
password=$(echo ZWNobyBoYXJtbGVzcyBzYW1wbGUgZm9yIHNlY3dhdGNoCg== | base64 -d)
