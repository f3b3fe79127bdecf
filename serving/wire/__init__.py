"""What goes over the wire: decoding, messages, limits, keys and problems."""
