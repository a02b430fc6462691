"""Who a device is: one-time codes, certificates, keys, and the hunt for clones."""
