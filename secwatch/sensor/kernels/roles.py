"""What a message is in a conversation: nothing of interest, a request, its response, or something that stands alone."""

IGNORE, REQUEST, RESPONSE, ALONE = range(4)
