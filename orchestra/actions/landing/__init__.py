"""Bring finished work to its branch: the queue, the checks on the merged files, and the landing itself."""
