"""rustlstm side by side with other libraries: the same layer, the same numbers, the same threads.

`run` is the comparison; `growth`, `options`, `denormals` and `memory` look at rustlstm itself, `charmodel` at a whole
training. `rounds` feeds tasks to one worker process per contestant (`processes`, `worker`); `contestants` has one
module per library; `work`, `step`, `sample`, `single` and `ragged` make the numbers and what must come out; `records`
and `report` write it all down, `chart` draws it on `panels` and `svg`.
"""
