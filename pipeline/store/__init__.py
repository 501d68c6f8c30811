"""The lake of Parquet files, the SQL models that are built in it, and the database engine."""
