"""Results of load generators: one request per line."""
