"""Long attacks on the sensor: what the tests do for seconds, for minutes, and with a guided fuzzer."""
