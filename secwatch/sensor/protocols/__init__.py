"""Messages of protocols in words: one module a protocol, bytes in, rows of its tables out.

The kernels find the messages, pair requests with responses and hand over the first bytes of both.
Everything here is plain Python over `bytes`, called once per distinct content.
"""
