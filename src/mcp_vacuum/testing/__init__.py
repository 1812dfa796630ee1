"""What users of mcp-vacuum may test with. Import the modules: this page loads none of them."""
