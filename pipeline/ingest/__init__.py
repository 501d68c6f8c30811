"""Find the files of a capture, and read them into the Parquet tables of one run."""
