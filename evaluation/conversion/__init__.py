"""Voice conversion on trial: is it the target, are the words, the melody and the emotion those of the source?"""
