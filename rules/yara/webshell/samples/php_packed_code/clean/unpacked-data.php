<?php
// Two decoders give data; what is evaluated is another thing.
$settings = json_decode(gzinflate(base64_decode($row['settings'])), true);
eval($template->compiled());
$picture = imagecreatefromstring(gzuncompress(base64_decode($row['picture'])));
