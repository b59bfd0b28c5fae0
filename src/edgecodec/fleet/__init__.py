"""From windows in Parquet to drift: which nodes send what the codec was not trained for, and since when."""
