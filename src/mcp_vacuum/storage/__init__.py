"""Where logins are kept: sealed records in a vault whose key comes from a key source."""
