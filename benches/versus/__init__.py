"""rustlstm side by side with other libraries: the same layer, the same numbers, the same threads.

`run` starts one worker process per contestant and round and feeds it tasks; `worker` is that process; `contestants`
has one module per library; `work` makes the numbers and what must come out of them; `report` writes it all down.
"""
