<?php
// One decoder alone: how an old template engine keeps its cache.
eval(base64_decode($cache->read('front')));
