"""The stages as objects, a file each. They are light; the work of each lies beside this folder."""
