"""What a message is in a conversation.

IGNORE: of no interest. REQUEST: waits for its response. RESPONSE: answers a request. ALONE: nothing answers it.
COUNTED: belongs to a request that waits, and is only counted.
"""

IGNORE, REQUEST, RESPONSE, ALONE, COUNTED = range(5)
