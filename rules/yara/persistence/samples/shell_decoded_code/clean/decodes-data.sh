#!/bin/sh
# Decoded to a file, too short a literal, and no literal at all.
echo LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUI= | base64 -d > /etc/ssl/city.crt
echo dXB0aW1lCg== | base64 -d | sh
kubectl get secret database -o jsonpath='{.data.password}' | base64 --decode
